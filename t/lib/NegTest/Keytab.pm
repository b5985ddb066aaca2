package NegTest::Keytab;

# Keytab files, read and written byte by byte: the ones that kadmin does not
# make, such as half of one, or one with a wrong key. Nothing here needs a KDC.

use strict;
use warnings;

use Exporter 'import';
use NegTest::Stage;

our @EXPORT_OK = qw(read_keytab write_keytab entry AES128 AES256);

use constant { AES128 => 17, AES256 => 18, NT_PRINCIPAL => 1, NT_SRV_HST => 3 };

my %KEY_SIZE = (AES128, 16, AES256, 32);

# { principal, kvno, enctype, key, type, time } of every key in the file.
sub read_keytab {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    my $bytes = <$in>;
    die "$file is no keytab\n" if substr($bytes, 0, 2, '') ne "\x05\x02";
    my @entries;
    while (length $bytes >= 4) {
        my $size = unpack 'l>', substr $bytes, 0, 4, '';
        my $record = substr $bytes, 0, abs $size, '';
        push @entries, _parse($record) if $size > 0;    # a negative size is a hole
    }
    return @entries;
}

# A key that nobody else knows, unless one is given.
sub entry {
    my ($principal, %opt) = @_;
    my $enctype = $opt{enctype} || AES256;
    return {
        principal => $principal =~ /\@/ ? $principal : "$principal\@EXAMPLE.TEST",
        kvno      => $opt{kvno} || 1,
        enctype   => $enctype,
        key       => $opt{key} || join('', map { chr int rand 256 } 1 .. $KEY_SIZE{$enctype}),
        type      => $principal =~ m{/} ? NT_SRV_HST : NT_PRINCIPAL,
        time      => time,
    };
}

# Replaces the file at once, as a careful administrator does; httpd's children
# can read it, and nobody else.
sub write_keytab {
    my ($file, @entries) = @_;
    open my $out, '>:raw', "$file.new" or die "$file.new: $!\n";
    print $out "\x05\x02", map { pack 'l>/a*', _format($_) } @entries;
    close $out or die "$file.new: $!\n";
    NegTest::Stage->give_to_httpd("$file.new", 0600);
    rename "$file.new", $file or die "$file: $!\n";
    return $file;
}

sub _parse {
    my ($record) = @_;
    my ($count) = unpack 'n', substr $record, 0, 2, '';
    my ($realm, @components) = map { my $length = unpack 'n', substr $record, 0, 2, '';
        substr $record, 0, $length, '' } 0 .. $count;
    my ($type, $time, $kvno8, $enctype, $key, $kvno) = unpack 'NNCnn/a*N', $record . "\0" x 4;
    return {
        principal => join('/', @components) . "\@$realm",
        kvno => $kvno || $kvno8, enctype => $enctype, key => $key, type => $type, time => $time
    };
}

sub _format {
    my ($entry) = @_;
    my ($name, $realm) = $entry->{principal} =~ /^(.*)\@([^\@]*)$/;
    my @components = split m{/}, $name;
    return pack('n', scalar @components)
      . join('', map { pack 'n/a*', $_ } $realm, @components)
      . pack('NNCnn/a*N', @$entry{qw(type time)}, $entry->{kvno} & 0xff, @$entry{qw(enctype key kvno)});
}

1;

__END__

=head1 NAME

NegTest::Keytab - keytab files made by hand

=head1 SYNOPSIS

    use NegTest::Keytab qw(read_keytab write_keytab entry AES128 AES256);

    write_keytab($file, entry('HTTP/localhost'), entry('host/localhost', kvno => 3));
    my @keys = read_keytab(keytab('mine'));           # kdc->add_to_keytab made it
    write_keytab($file, grep { $_->{enctype} == AES128 } @keys);
    write_keytab($file, map { { %$_, key => ~$_->{key} } } @keys);    # a wrong key

=cut
