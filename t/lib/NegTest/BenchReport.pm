package NegTest::BenchReport;

# From the figures of t/bench/run to a table and a chart.

use strict;
use warnings;

use Exporter 'import';
use NegTest::Httpd qw(httpd_program);
use NegTest::Process 'run';
use POSIX 'strftime';

our @EXPORT_OK = qw(median);

sub median { my @sorted = sort { $a <=> $b } grep { defined } @_; return $sorted[ @sorted / 2 ] }

sub figure {
    my ($report, $name, $what) = @_;
    return median(map { $_->{$what} } @{ $report->{rounds}{$name} || [] });
}

sub text {
    my ($report) = @_;
    return join "\n", machine($report), table($report), memory($report), reached($report), left_out($report);
}

# --- the machine -------------------------------------------------------------------

sub machine {
    my ($report) = @_;
    my ($cpu) = first_line('/proc/cpuinfo', qr/^model name\s*:\s*(.*)/m);
    my $cores = () = (slurp('/proc/cpuinfo') =~ /^processor/mg);
    my ($memory) = first_line('/proc/meminfo', qr/^MemTotal:\s*(\d+)/);
    my ($httpd) = output(httpd_program(), '-v') =~ m{Apache/(\S+)};
    my %version = map { my ($v) = output('dpkg-query', '-W', '-f', '${Version}', $_); $_ => $v }
      qw(libkrb5-3 libssl3 libapache2-mod-auth-gssapi);
    my $commit = output('git', '-C', $report->{tree}, 'describe', '--always', '--dirty') =~ s/\s+\z//r;
    my $load = (split ' ', slurp('/proc/loadavg'))[0];
    return sprintf <<'END', strftime('%Y-%m-%d', gmtime), $commit, $cpu || output('uname', '-m') =~ s/\s+\z//r, $cores, $memory / 1048576, kernel(), $httpd,
%s, commit %s
machine   %s, %d processors, %.0f GB, Linux %s
versions  httpd %s (event, one child), MIT krb5 %s, OpenSSL %s, mod_auth_gssapi %s
method    medians of %d interleaved rounds of %d requests with tokens, five times as many without; load at the end %s
END
      (map { defined $version{$_} && length $version{$_} ? $version{$_} : 'none' } qw(libkrb5-3 libssl3 libapache2-mod-auth-gssapi)),
      $report->{count}, $report->{requests}, $load;
}

# Its version alone: what comes behind names a build.
sub kernel { return output('uname', '-r') =~ /^(\d+(?:\.\d+)*)/ ? $1 : 'unknown' }

# --- tables ------------------------------------------------------------------------

sub table {
    my ($report) = @_;
    my $text = sprintf "%-68s %9s %7s %7s %7s %9s\n", '', 'req/s', 'p50', 'p99', 'CPU', 'instr.';
    $text .= sprintf "%-68s %9s %7s %7s %7s %9s\n", '', '', 'us', 'us', 'us', 'thousand';
    for my $case (@{ $report->{cases} }) {
        next if !$report->{rounds}{ $case->{name} } || $case->{idle} || $case->{growth};
        my %v = map { $_ => figure($report, $case->{name}, $_) } qw(rate p50 p99 cpu instructions);
        $v{instructions} /= 1000 if $v{instructions};
        $text .= sprintf "%-68s %9s %7s %7s %7s %9s\n", $case->{label},
          map { defined $v{$_} ? sprintf('%.0f', $v{$_}) : '' } qw(rate p50 p99 cpu instructions);
    }
    return $text;
}

sub memory {
    my ($report) = @_;
    my $text = '';
    for my $case (@{ $report->{cases} }) {
        next if !$case->{idle} && !$case->{growth};
        my $memory = figure($report, $case->{name}, 'memory');
        next if !defined $memory;
        $text .= sprintf "%-68s %9.0f bytes%s\n", $case->{label}, $memory,
          $case->{idle} ? ' a connection' : " after $case->{growth} requests";
    }
    return $text;
}

# The median of the rounds' ratios, and between which two they lie.
sub reached {
    my ($report) = @_;
    my $text = '';
    for my $goal (@{ $report->{goals} }) {
        my ($label, $sign, $wanted, $needs, $ratio) = @$goal;
        next if grep { !@{ $report->{rounds}{$_} || [] } } @$needs;
        my $count = (sort { $a <=> $b } map { scalar @{ $report->{rounds}{$_} } } @$needs)[0];
        my @is = sort { $a <=> $b } map { my $i = $_; $ratio->({ map { $_ => $report->{rounds}{$_}[$i] } @$needs }) } 0 .. $count - 1;
        my $good = $sign eq '>=' ? median(@is) >= $wanted : median(@is) <= $wanted;
        $text .= sprintf "%-70s %5s %13s  goal %s %-5s %s\n", $label, short(median(@is)),
          @is > 1 ? '(' . short($is[0]) . '-' . short($is[-1]) . ')' : '', $sign, $wanted, $good ? 'reached' : 'missed';
    }
    return $text;
}

sub short { my ($number) = @_; return sprintf $number < 100 ? '%.2f' : '%.0f', $number }

sub left_out {
    my ($report) = @_;
    return join '', map { "left out: $_: $report->{failed}{$_}\n" } sort keys %{ $report->{failed} };
}

# --- the chart -----------------------------------------------------------------------

# Requests per second, with the unprotected page as the line to reach; drawn by gnuplot, where it is.
sub chart {
    my ($report, $dir) = @_;
    my @shown = grep { !$_->{accept} && $_->{label} !~ /TLS|HTTP\/2|krb5\.conf|\d connections|401/ && figure($report, $_->{name}, 'rate') }
      @{ $report->{cases} };
    return if !grep({ $_->{name} eq 'page' } @shown) || system('which gnuplot >/dev/null 2>&1');
    my $page = figure($report, 'page', 'rate');
    open my $data, '>', "$dir/performance.dat" or die "$dir: $!\n";
    my $row = 0;
    for my $case (reverse grep { $_->{name} ne 'page' } @shown) {
        printf $data "%d %.1f %d \"%s\"\n", $row++, figure($report, $case->{name}, 'rate'), $case->{peer} ? 1 : 0, $case->{label};
    }
    close $data;
    my $height = 110 + 30 * $row;
    open my $script, '>', "$dir/performance.gp" or die "$dir: $!\n";
    print $script <<"END";
set terminal svg size 900,$height font "sans-serif,13" background "#ffffff"
set output "performance.svg"
set title "Requests a second on one connection; the line is the unprotected page"
set style fill solid 0.9 noborder
set xrange [0:@{[ $page * 1.08 ]}]
set yrange [-0.7:@{[ $row - 0.3 ]}]
set grid xtics lc rgb "#dddddd"
set border 3
set ytics nomirror
set xtics nomirror
unset key
set arrow from $page, graph 0 to $page, graph 1 nohead lw 2 lc rgb "#333333" front
plot "performance.dat" using (\$2/2):1:(\$2/2):(0.35):(\$3 == 1 ? 0xb0b0b0 : 0x2a6fb0):ytic(4) with boxxyerror lc rgb variable, \\
     "" using 2:1:(sprintf(" %.0f", \$2)) with labels left
END
    close $script;
    # There, since the chart names its file of data.
    system('sh', '-c', 'cd "$0" && exec gnuplot performance.gp', $dir) == 0 or print "gnuplot failed\n";
    return;
}

# -----------------------------------------------------------------------------------

sub output { my $r = run([@_]); return $r->{ok} ? $r->{output} : '' }

sub slurp { my ($file) = @_; open my $in, '<', $file or return ''; local $/; return scalar <$in> }

sub first_line { my ($file, $pattern) = @_; return slurp($file) =~ /$pattern/m ? $1 : undef }

1;

__END__

=head1 NAME

NegTest::BenchReport - the table and the chart of t/bench/run

=cut
